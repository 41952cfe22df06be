"""What people see: tables and live views. It decides nothing and asks nobody: it is given what to show."""
