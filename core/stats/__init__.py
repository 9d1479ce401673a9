"""Estimates with intervals, tests, and how values of single seeds become one."""
