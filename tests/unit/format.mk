# unit tests of the room format
