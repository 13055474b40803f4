"""Commands about this machine: what it has and reaches, its build, its stored calls."""
