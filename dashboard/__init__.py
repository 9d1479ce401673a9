"""What a person sees: Streamlit pages over the store. Nothing is measured in this process."""
