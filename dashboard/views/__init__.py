"""One page each, run by Streamlit as a script: inputs, one data call, chart, table."""
