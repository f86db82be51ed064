# frozen_string_literal: true

class Invoice < ApplicationRecord
  validates :number, presence: true, uniqueness: true
  validates :customer, presence: true
  validates :amount_cents, numericality: { only_integer: true, greater_than: 0 }

  scope :newest_first, -> { order(created_at: :desc) }
end
