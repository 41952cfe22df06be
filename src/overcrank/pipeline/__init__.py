"""The stages of a job's life. Each is a plain function of a job and its tools, and answers with an outcome."""
