# the dependency law
