"""Does an LLM judge agree with human experts, and which memory makes it agree?"""
