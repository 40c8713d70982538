"""What a route is, and which one a request means. The routes themselves stand in `api/routes`."""
