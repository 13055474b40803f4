"""What so many cases can show: power, support, and the bounds of few changes."""
