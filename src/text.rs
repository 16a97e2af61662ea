//! Tokenizer and chat template of a Hugging Face model folder.
