# room oci
