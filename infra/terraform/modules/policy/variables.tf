variable "file" {
  description = "Path of the list of statements."
  type        = string
}

variable "values" {
  description = "What stands for each placeholder; one that is missing here is an error in a statement that uses it."
  type        = map(string)
}

variable "present" {
  description = "Whether this deployment has a value for each placeholder that not every one has; statements that require a missing one are left out."
  type        = map(bool)
}
