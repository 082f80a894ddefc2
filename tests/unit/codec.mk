# unit tests of the room codec
