# room cmd
