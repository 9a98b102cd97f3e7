"""Subjects of the textbook, each a function: it computes with torch, and shows tables and a figure."""
