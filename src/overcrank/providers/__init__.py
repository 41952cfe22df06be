"""The providers: each speaks one vendor's dialect and answers in our words."""
