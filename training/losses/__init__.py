"""Loss terms, one file each: a term returns a loss per picture and the values to report."""
