# unit tests of the room ns
