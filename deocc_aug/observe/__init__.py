"""From canvas to observation: what is visible of this person, what hides them, which joints are known."""
