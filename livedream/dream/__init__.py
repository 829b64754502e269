"""The dream: a frame goes in, a neural network says what it sees, gradient ascent makes the frame show more of it."""
