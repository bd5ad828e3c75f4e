"""One engine, the linear-chain CRF over integer features: characters, lines, anything that comes in sequence."""
