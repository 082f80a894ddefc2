# unit tests of the room container
