variable "file" {
  description = "Path of the list of statements."
  type        = string
}

variable "values" {
  description = "What stands for each placeholder; one that is missing here is an error in a statement that uses it."
  type        = map(string)
}

variable "absent" {
  description = "Placeholders that this deployment has no value for; statements that require one are left out."
  type        = set(string)
}
