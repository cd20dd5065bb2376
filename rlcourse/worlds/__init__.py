"""The worlds: tabular MDPs, Gymnasium environments side by side, small worlds for tests."""
