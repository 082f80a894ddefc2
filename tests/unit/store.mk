# unit tests of the room store
