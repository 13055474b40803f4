"""Alignment: a judge and labelled training items in, a judge out."""
