"""Worker processes as their parent sees them: started, spoken to, watched, and how they died."""
