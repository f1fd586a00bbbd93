package event

// IsRetention is for the tests, which hold it against a regular expression.
var IsRetention = isRetention
