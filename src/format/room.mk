# room format
