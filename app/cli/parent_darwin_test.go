package cli_test

// endWithParent cannot be done here.
func endWithParent() {}
