# room registry
