# room layer
