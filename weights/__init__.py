"""The default weights; `cxrreport.model.weights` verifies and loads them."""
