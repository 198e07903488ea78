"""Words for the visible person: questions, answers, the prompt made of them."""
