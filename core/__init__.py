"""What is measured, and how. Imports neither Streamlit nor Altair."""
