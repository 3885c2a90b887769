"""What pages are made of: values that routes fill and templates show. Amounts are Decimal, positive into the account."""
