"""Compares what the two stacks would deploy: the CDK's synthesized template and the Terraform
module's planned resources.
"""
