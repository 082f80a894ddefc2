# room container
