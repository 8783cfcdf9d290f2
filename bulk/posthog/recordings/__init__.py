"""Reading the recordings of persons, and the distinct IDs by which they are found."""
