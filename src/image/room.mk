# room image
