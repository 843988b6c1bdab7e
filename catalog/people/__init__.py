"""Users, roles, organisations, officers' mandates and API keys."""
