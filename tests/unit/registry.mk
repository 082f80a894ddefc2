# unit tests of the room registry
