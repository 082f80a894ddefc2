# room ns
