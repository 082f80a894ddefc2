# unit tests of the room oci
