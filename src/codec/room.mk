# room codec
