"""What agents are built from: chance, networks, policies, memory, Adam."""
