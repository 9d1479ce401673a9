"""The networks, their measurements and the store; imports neither Streamlit nor Altair."""
