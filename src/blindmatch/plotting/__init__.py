"""Figures and tables: matplotlib, seaborn and pandas live here and nowhere below."""
