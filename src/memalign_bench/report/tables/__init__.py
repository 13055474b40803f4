"""Tables: numbers with how people read them."""
