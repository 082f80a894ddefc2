# unit tests of the room cmd
