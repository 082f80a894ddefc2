# unit tests of the room layer
