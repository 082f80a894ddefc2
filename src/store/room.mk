# room store
