"""What one server counts, in Prometheus' words."""
