variable "file" {
  description = "Path of the list of statements."
  type        = string
}

variable "values" {
  description = "Values of the placeholders. A statement that uses a missing one is an error."
  type        = map(string)
}

variable "lists" {
  description = "Values of the placeholders that stand for several resources."
  type        = map(list(string))
  default     = {}
}

variable "present" {
  description = "Flags for the placeholders that have no value in some deployments. Statements that require a placeholder whose flag is false are left out, and so are texts with an optional one."
  type        = map(bool)
}
